"""Inputs of a flatbuffer's signatures, made constants that all of them share.

The converter computes what it can of constants, so that each signature would
hold what it has cut from a shared one. It cannot do that with inputs. So the
flatbuffer is converted with the constants as inputs, and linked here.

Reference:
    [The schema of LiteRT models](https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs).
"""

from collections.abc import Mapping

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

# The schema wants the data of a buffer to start at multiples of so many bytes.
_ALIGNMENT = 16


def link(content: bytes, arrays: Mapping, dtype: str = "float32") -> bytes:
    """Returns a flatbuffer in which inputs have become constants.

    Each array is stored once, however many signatures have it. The names of
    tensors, of which only those in signatures matter, are left out.

    Args:
        content: The flatbuffer.
        arrays: Dictionary from the names of inputs to float32 arrays of their
            shapes. Inputs of other names stay.
        dtype: `"float32"` or `"float16"`. What the arrays are stored as.
    """
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    numbers = {}
    for name, array in arrays.items():
        numbers[name] = len(model.buffers)
        data = np.frombuffer(array.astype(dtype).tobytes(), "uint8")
        model.buffers.append(_new(schema.BufferT, data=data))
    dequantize = _operation_code(model) if dtype == "float16" else None
    for signature in model.signatureDefs:
        subgraph = model.subgraphs[signature.subgraphIndex]
        for item in signature.inputs:
            name = item.name.decode()
            if name in numbers:
                _bind(subgraph, item.tensorIndex, numbers[name], dequantize)
        signature.inputs = [
            item
            for item in signature.inputs
            if item.name.decode() not in numbers
        ]
    _shrink(model)
    return flatbuffer_utils.convert_object_to_bytearray(model)


def _operation_code(model):
    """Number of the operation that turns float16 into float32."""
    code = _new(
        schema.OperatorCodeT,
        builtinCode=schema.BuiltinOperator.DEQUANTIZE,
        deprecatedBuiltinCode=schema.BuiltinOperator.DEQUANTIZE,
        # The first that takes float16.
        version=3,
    )
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _new(kind, **fields):
    """An object of the schema, whose constructors differ by version."""
    new = kind()
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _bind(subgraph, index, buffer, dequantize):
    """Gives an input of a subgraph the data of a buffer."""
    subgraph.inputs = [i for i in subgraph.inputs if i != index]
    tensor = subgraph.tensors[index]
    if dequantize is None:
        tensor.buffer = buffer
        return
    half = _new(
        schema.TensorT,
        shape=tensor.shape,
        type=schema.TensorType.FLOAT16,
        buffer=buffer,
        hasRank=True,
    )
    subgraph.tensors.append(half)
    operator = _new(
        schema.OperatorT,
        opcodeIndex=dequantize,
        inputs=[len(subgraph.tensors) - 1],
        outputs=[index],
    )
    subgraph.operators.insert(0, operator)


def _shrink(model):
    """Drops names, and buffers that are empty or equal to another."""
    kept = {b"": 0}
    numbers = [
        kept.setdefault(_data(buffer), len(kept)) for buffer in model.buffers
    ]
    model.buffers = [
        _new(_AlignedBuffer, data=np.frombuffer(data, "uint8")) for data in kept
    ]
    for subgraph in model.subgraphs:
        for tensor in subgraph.tensors:
            tensor.buffer = numbers[tensor.buffer]
            tensor.name = None
    for item in model.metadata or ():
        item.buffer = numbers[item.buffer]


def _data(buffer):
    return b"" if buffer.data is None else buffer.data.tobytes()


class _AlignedBuffer(schema.BufferT):
    """Python's writer of flatbuffers aligns bytes to nothing."""

    def Pack(self, builder):
        if not len(self.data):
            return schema.BufferT().Pack(builder)
        builder.Prep(_ALIGNMENT, len(self.data))
        return super().Pack(builder)
