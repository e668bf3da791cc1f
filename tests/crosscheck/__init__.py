"""Independent referees: what other people's runtimes say about an exported run, each in an environment of its own.

python -m tests.crosscheck --model runs/export

mediapipe_classifier        MediaPipe's AudioClassifier on drop_in.tflite: labels and scores, as apps get them
tflite_runtime_interpreter  the last tflite-runtime, on both files
tflite_micro_interpreter    TensorFlow Lite Micro's reference kernels, on model.tflite
"""
