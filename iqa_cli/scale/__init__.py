"""The same audit over object storage, past one machine.

    SOURCE --sources, listing--> planning --manifest--> RUN/manifest/00000.parquet ..., RUN/run.json
    RUN --driver, engines--> shard: judge, as `iqa assess` --commit--> RUN/part/00000.parquet, once
    RUN --verify--> what is missing      RUN --gather--> the reports of a local audit

Work is frozen in shards before it begins, and a shard's result is an object that is written once: whoever comes second
throws his away. So an engine only starts tasks; resuming, and that no photo is lost or doubled, lie in these files.
Needs the extra `scale`: obstore, pyarrow, and Ray for `--engine ray`.
"""
