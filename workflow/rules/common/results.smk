# What the rules of results.smk ask about the study: a keyed folder is a step of the results.
# Figures and report that show the forecast have keys of their own.


# Of this start: in the name of the flag that `publish` touches.
started = f"{time.time_ns():x}"


def shows_forecast(step, wildcards):
    """Whether the figures or the report that the wildcards name show the forecast."""
    return wildcards.key == keys.result_key(step, forecast=True)


def get_step(step):
    """Stamp of a step of the results."""
    return ancient(keys.result_done(step))


def get_step_folder(step):
    """Folder of a step that is an input, for its rule's `params`."""

    def folder(wildcards):
        return keys.result_dir(step)

    return folder


def get_folder(wildcards, output):
    """Folder of a step that is to be made: one of the study as it is now, no other key."""
    folder = os.path.dirname(output.done)
    if not keys.has_step(folder):
        raise Refused(f"no step of this study: {folder}\n  try:   snakemake --cores all")
    return folder


def get_forecast(wildcards):
    """Stamp of the forecast, where the figures or the report show it."""
    shown = any(shows_forecast(step, wildcards) for step in ("figures", "report"))
    return get_step("forecast") if shown else []


def get_forecast_option(wildcards, input):
    """Folder of the forecast as an option of a step; empty if it is not shown."""
    return shlex.join(["--forecast", os.path.dirname(input.forecast)]) if input.forecast else ""


def get_figures(wildcards):
    """Stamp of the figures that the report shows."""
    return ancient(keys.result_done("figures", forecast=shows_forecast("report", wildcards)))


def get_figures_folder(wildcards, input):
    """Folder of the rule's input `figures`."""
    return os.path.dirname(input.figures)


def list_results(forecast):
    """Stamps of the steps of the results."""
    return [ancient(f"{path}/done.json") for path in keys.published_steps(forecast=forecast).values()]


def list_publication(forecast):
    """Nothing if results/STUDY shows all steps, every file as it was made; else a flag of the rule
    `publish`, named by this start, so that it is never there when it is asked for."""
    if publication.is_published(Path(keys.published_dir), keys.published_steps(forecast=forecast)):
        return []
    key = keys.result_key("report", forecast=forecast)
    return f".snakemake/published/{started}/{keys.params.study}-{key}"


def get_results(wildcards):
    """The results; with the forecast, once it was trained."""
    return list_results(keys.has_forecast)


def get_publication(wildcards):
    """Flag of publishing the results, or nothing; files are compared when it is called."""
    return list_publication(keys.has_forecast)


def get_results_with_forecast(wildcards):
    """The results with the forecast."""
    return list_results(True)


def get_publication_with_forecast(wildcards):
    """Flag of publishing the results with the forecast, or nothing."""
    return list_publication(True)


def get_published_steps(wildcards):
    """Stamps of the steps that are to be published."""
    return list_results(shows_forecast("report", wildcards))


def get_folders(wildcards, input):
    """Folders of the steps that are published."""
    return [os.path.dirname(path) for path in input.steps]
