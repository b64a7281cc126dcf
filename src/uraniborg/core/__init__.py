"""Words that every other room uses; knows no astronomy."""
