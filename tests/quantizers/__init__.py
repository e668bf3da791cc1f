"""The study of quantizers: what ours and other people's make of the same float student, in one table.

python -m tests.quantizers --student RUN --data FILE.h5 --out DIR --runs ptq=RUN qat=RUN neural_compressor=RUN

ai_edge_quantizer_static  ai-edge-quantizer (TFLite)
onnx_runtime_static       ONNX Runtime's static quantization

Rows of our programs are runs of `compress.ptq`, `compress.qat` and `compress.autotune` (neural-compressor).
"""
