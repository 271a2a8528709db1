"""The Point Cloud Transformer as a classifier (PCT, arXiv 2012.09688, Section 4.1).

Label smoothing is that of the published code, of its PyTorch port too.
"""

model = dict(
    type='mmgroupmix.PointCloudClassifier',
    network=dict(
        type='mmgroupmix.PointCloudTransformer',
        num_classes=40,
        attention=dict(type='OffsetSelfAttention'),
        num_samples=(512, 256),
        num_neighbors=32,
        dropout=0.5,
    ),
    label_smoothing=0.2,
)
