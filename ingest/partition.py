"""Which partition of the log an event belongs to."""

from zlib import crc32

from ingest.event import Event


def partition_of(event: Event, partitions: int) -> int:
    """The same for all events of one object, so that an object's head has one writer.

    By the object's id alone: its account may depend on which endpoint received it, and its customer may
    come later. CRC-32 is the same in every process and on every machine; Python's own hash is not.
    """
    return crc32((event.object_id or event.account).encode()) % partitions
