"""The hinge loss of a discriminator.

Paper: "Self-Attention Generative Adversarial Networks" (arXiv 1805.08318), Section 3.
"""

from torch import Tensor


def hinge_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """The discriminator's loss, E[max(0, 1 - D(x))] + E[max(0, 1 + D(G(z)))].

    Args:
        real_scores (Tensor): Scores of real images, (B,).
        fake_scores (Tensor): Scores of drawn images, (B,).

    Returns:
        Tensor: The loss.
    """
    return (1 - real_scores).relu().mean() + (1 + fake_scores).relu().mean()
