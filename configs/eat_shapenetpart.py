"""EAT, PCT with external attention, on ShapeNet part. Paper: 86.5 instance pIoU."""

_base_ = './pct_shapenetpart.py'

# See eat_modelnet40.py for the form of the residual.
model = dict(
    network=dict(
        attention=dict(
            _delete_=True, type='OffsetExternalAttention', num_memories=64, offset=True
        )
    )
)
