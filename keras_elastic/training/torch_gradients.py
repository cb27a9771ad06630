"""What the steps in PyTorch do with gradients."""

import torch


def divide(tensors, settings):
    """Divides the tensors of a dictionary into parts of the batch.

    Returns:
        List of dictionaries, one for each of the `accumulation_steps`.
    """
    count = settings.accumulation_steps
    chunks = {name: torch.chunk(t, count) for name, t in tensors.items()}
    return [
        {name: chunk[part] for name, chunk in chunks.items()}
        for part in range(count)
    ]


def clear_gradients(variables):
    """Forgets the gradients of the last step."""
    for variable in variables:
        variable.value.grad = None


def collect_gradients(variables, decays, weight_decay):
    """Returns what `backward` left, with the weight decay's gradients.

    Args:
        variables: List of variables.
        decays: For each variable, whether it decays.
        weight_decay: Float.
    """
    gradients = []
    for variable, is_decayed in zip(variables, decays, strict=True):
        value = variable.value
        gradient = value.grad
        if gradient is None:
            gradient = torch.zeros_like(value)
        if is_decayed:
            gradient = gradient + weight_decay * value.detach()
        gradients.append(gradient)
    return gradients


def clip(gradients, settings):
    """Clips gradients by the `clip_norm` and `clip_value` of the settings."""
    norm, value = settings.clip_norm, settings.clip_value
    if norm is not None:
        norms = torch.stack([gradient.norm() for gradient in gradients])
        scale = torch.clamp(norm / (norms.norm() + 1e-12), max=1.0)
        gradients = [gradient * scale for gradient in gradients]
    if value is not None:
        gradients = [g.clamp(-value, value) for g in gradients]
    return gradients
