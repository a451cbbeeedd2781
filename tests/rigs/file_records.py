"""Writes and reads the messages of ClaimX's files, as its workers do."""

from claimx_pipeline.claimx.files import CODEC

task_record = CODEC.task_record
cached_record = CODEC.cached_record
result_record = CODEC.result_record
decode_download_task = CODEC.decode_task
decode_cached_file = CODEC.decode_cached
decode_result = CODEC.decode_result
