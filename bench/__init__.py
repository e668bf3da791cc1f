"""The judge: accuracy, size, cost and latency of the shipped files."""

import os

# Read when numpy loads. The matrices of a spectrogram are small: on a busy machine the threads that numpy's BLAS would
# start wait for one another, at ten times the cost of the product.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
