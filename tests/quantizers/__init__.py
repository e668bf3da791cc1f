"""The study of quantizers: what ours and other people's make of the same float student, in one table.

    python -m tests.quantizers --student RUN --data FILE.h5 --out DIR --runs ptq=RUN qat=RUN neural_compressor=RUN

Other people's:

    ai_edge_quantizer_static  ai-edge-quantizer (TFLite)
    onnx_runtime_static       ONNX Runtime's static quantization
    neural_compressor         neural-compressor's accuracy-aware tuning; it chooses, the program is ours

The first two are run by the study. Rows of our programs are runs of `compress.ptq`, `compress.qat` and
`tests.quantizers.neural_compressor`.
"""
