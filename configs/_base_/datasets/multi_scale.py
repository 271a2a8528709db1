"""Multi-scale resizing as in Swin: shorter side 480 to 800, longer side at most 1333."""

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
