"""Training: a stage (`stage`) hands its task (`task`) to the loop (`loop`), which ends with weights and a history.

config                the section `fit` of a recipe, with the course of the learning rate
learner               network, objective, optimiser and moving average: one step of all of them
monitor, checkpoint   what is watched while it trains, and what it goes on from when it was stopped
history               the rows of the epochs, as files and as a picture
"""
