"""The Point Cloud Transformer as a part segmentor (PCT, arXiv 2012.09688, Section 4.3).

Label smoothing is that of the published classifier.
"""

model = dict(
    type='mmgroupmix.PointCloudPartSegmentor',
    network=dict(
        type='mmgroupmix.PartSegmentationTransformer',
        num_classes=50,
        num_categories=16,
        attention=dict(type='OffsetSelfAttention'),
        dropout=0.5,
    ),
    label_smoothing=0.2,
)
