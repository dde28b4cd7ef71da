"""Processing: what happens to records between the stream's log and the buffers, in AWS's order.

    Decompression -> CloudWatchLogProcessing -> RecordDeAggregation -> Lambda -> partition keys (Lambda's
    and MetadataExtraction's) -> AppendDelimiterToRecord

chain.Processing.run is the one place where records become delivered, dropped or failed.
"""
