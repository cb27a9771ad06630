"""ProxylessNAS, as the space that once-for-all built around it.

References:
- ProxylessNAS: Direct Neural Architecture Search on Target Task and Hardware
  (Cai et al., ICLR 2019), Figure 4.
- Once-for-All: Train One Network and Specialize it for Efficient Deployment
  (Cai et al., ICLR 2020), and the release: stages as wide as ProxylessNAS's,
  and all of it 1.3 times as wide.
"""

from keras_elastic.families.once_for_all import ElasticStage
from keras_elastic.families.once_for_all import OnceForAll

OFA_PROXYLESS = OnceForAll(
    name="ofa_proxyless",
    resolution=tuple(range(128, 225, 4)),
    stem=32,
    first=16,
    stages=(
        ElasticStage(24, strides=2),
        ElasticStage(40, strides=2),
        ElasticStage(80, strides=2),
        ElasticStage(96, strides=1),
        ElasticStage(192, strides=2),
        ElasticStage(320, strides=1, depth=(1,)),
    ),
    last=1280,
    width_percent=130,
)

FAMILIES = (OFA_PROXYLESS,)
