"""From the prepared file to a batch. `loader.Batches.epoch` takes these steps, in this order:

1. select clips: those the run trains on, without those it holds out       selection.train_val_split
2. cut windows: the order of the epoch, and where each window begins       selection.Slicing
3. read their sound, from disk or from the GPU's memory                    loader.SoundSource
4. send it to the device that trains                                       loader.send
5. augment: the waveform, then the edges of the mel bands                  augment.Augmenter, augmentations/
6. compute features: the front end                                         tinyasc.mel_torch
7. augment: the features, and mix them                                     augment.Augmenter, augmentations/
8. a batch: features, labels, clip numbers, devices, sound, mix            loader.Batch
"""
