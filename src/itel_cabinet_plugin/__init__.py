"""The iTel cabinet plugin: watches cabinet tasks, keeps them in Delta, submits the forms.

Four rooms, each an entry point of ``claimx_pipeline``:

- ``trigger`` hears of the task and publishes it to the plugin's topic,
- ``form`` reads the completed cabinet form,
- ``tracking`` keeps one row per event of a task,
- ``submission`` sends completed forms to the iTel Cabinet API.
"""
