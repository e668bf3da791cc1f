"""What training minimises (objective, distillation, adversarial; built by objectives), and who says so (teachers)."""
