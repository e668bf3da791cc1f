"""Independent referees: what other people's converters and runtimes say about an exported run, each in an environment
of its own.

    python -m tests.crosscheck --model runs/export
    python -m tests.crosscheck.tiny --out DIR [--normed true]      # a tiny run to judge, without training

tensorflow_twin             TensorFlow's converter on the network in real numbers: the same integers
litert_torch_twin           litert-torch's converter on the same in torch: the same integers
mediapipe_classifier        MediaPipe's AudioClassifier on drop_in.tflite: labels and scores, as apps get them
litert_kernels              ai-edge-litert's kernels without XNNPACK, on model.tflite
tflite_runtime_interpreter  the last tflite-runtime, on both files
tflite_micro_interpreter    TensorFlow Lite Micro's reference kernels, on model.tflite

network.py reads a .tflite for the twins and judges what is made of them; logits.py says how far a runtime's logits may
be from ours, and why.
"""
