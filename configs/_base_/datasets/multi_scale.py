"""Multi-scale resizing: shorter side 480 to 800, longer side at most 1333.

These are the sizes in GroupMixFormer's paper. It mentions neither the crops that Swin's
detectors and DETR add to them for half of the images, nor any published code.
"""

multi_scale = dict(
    type='RandomChoiceResize',
    scales=[
        (1333, 480),
        (1333, 512),
        (1333, 544),
        (1333, 576),
        (1333, 608),
        (1333, 640),
        (1333, 672),
        (1333, 704),
        (1333, 736),
        (1333, 768),
        (1333, 800),
    ],
    keep_ratio=True,
)
