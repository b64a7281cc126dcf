from uraniborg.alerts.summary import SUMMARY_COLUMNS, summarise_packet


def test_one_text_for_each_column(packets) -> None:
    texts = dict(zip(SUMMARY_COLUMNS, summarise_packet(packets[0]), strict=True))
    assert texts["diaSourceId"] == "71"
    assert texts["S/N"] == "30.0"
    assert texts["reliability"] == "-"
    assert (texts["history"], texts["forced"]) == ("2", "2")
    assert texts["stamps"] == "30x30 30x30 30x30"


def test_missing_stamps(packets) -> None:
    assert summarise_packet(packets[1] | {"cutoutTemplate": None})[-1] == "30x30 - 30x30"
