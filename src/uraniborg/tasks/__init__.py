"""PipelineTasks: Config, Connections and a thin `run` around `uraniborg.algorithms`."""
