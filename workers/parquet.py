"""Rows as Parquet, a row group in memory at a time, each column of the type that Postgres has it in.

numeric is a decimal of 38 digits, 20 of them behind the point, unless its column says otherwise; timestamptz
a timestamp in UTC, in microseconds; an array a list; jsonb, intervals and what else there is, a string.
"""

from collections.abc import Iterable, Iterator, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from ingest.refusal import Refusal
from workers.result import Column, Result

GROUP, GROUP_SIZE = 10_000, 32 * 1024**2
"""Rows of a row group at most, and characters and bytes in it, or the row that goes past them."""

DIGITS, BEHIND_THE_POINT = 38, 20

_TYPES = {
    "bool": pa.bool_(),
    "int2": pa.int16(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "float4": pa.float32(),
    "float8": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", tz="UTC"),
    "bytea": pa.binary(),
}


AS_VALUES = frozenset({*_TYPES, "numeric"})
"""What is fetched as Python's values; all else as text."""


class NotInParquet(Refusal):
    """A value has no place in the column's Parquet type: the message says how to cast it."""


def write(result: Result, file: IO[bytes]) -> Iterator[int]:
    """Write all rows; yields how many there are by then. Raises BadQuery, NotInParquet."""
    count = 0
    schema = pa.schema([(column.name, _type(column)) for column in result.columns])
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for group in _groups(result):
            columns = zip(*group, strict=True)
            arrays = [
                _array(column, field.type, values)
                for column, field, values in zip(result.columns, schema, columns, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=GROUP)
            count += len(group)
            yield count


def _groups(rows: Iterable[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    group: list[tuple[Any, ...]] = []
    size = 0
    for row in rows:
        group.append(row)
        size += sum(len(value) for value in row if isinstance(value, str | bytes))
        if len(group) == GROUP or size >= GROUP_SIZE:
            yield group
            group, size = [], 0
    if group:
        yield group


def _type(column: Column) -> pa.DataType:
    if column.type.endswith("[]"):
        return pa.list_(_type(column._replace(type=column.type[:-2])))
    if column.type == "numeric":
        precision, scale = column.precision or DIGITS, column.scale
        if scale is None or not 0 <= scale <= precision <= DIGITS:
            return pa.decimal128(DIGITS, BEHIND_THE_POINT)
        return pa.decimal128(precision, scale)
    return _TYPES.get(column.type, pa.string())


def _array(column: Column, kind: pa.DataType, values: Sequence[Any]) -> pa.Array:
    try:
        return pa.array([_value(kind, each) for each in values], type=kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, InvalidOperation, OverflowError) as error:
        raise NotInParquet(
            f"{column.name} ({column.type}) holds what {kind} does not ({error}): cast it to text"
        ) from None


def _value(kind: pa.DataType, value: Any) -> Any:
    if value is None:
        return None
    if pa.types.is_list(kind):
        return [_value(kind.value_type, each) for each in value]
    if pa.types.is_decimal(kind):
        return _decimal(kind, value)
    return value


def _decimal(kind: pa.Decimal128Type, value: Decimal) -> Decimal:
    context = Context(prec=kind.precision, rounding=ROUND_HALF_EVEN)
    return value.quantize(Decimal(1).scaleb(-kind.scale), context=context)
