"""The device: runs an exported model with numpy and one runtime."""
