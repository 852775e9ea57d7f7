"""Names of things for generated captions and answers."""

from __future__ import annotations

_ENGLISH = """
apple|armchair|ashtray|axe|backpack|bag|balloon|banana|barrel|basket|basketball|bath|battery|bear|bed|bell|belt|bench|
bicycle|bin|bird|blanket|blender|boat|book|bookshelf|boot|bottle|bowl|box|boy|bracelet|bread|brick|bridge|broom|brush|
bucket|bus|butterfly|button|cabinet|cable|cactus|cake|calculator|camel|candle|cap|car|card|carpet|carrot|cart|cat|chain|
chair|cheese|chicken|child|chimney|clock|cloth|cloud|coat|coffee table|coin|comb|compass|computer|cone|cook|corn|couch|
cow|crane|crate|crib|crow|crown|cube|cup|cupboard|curtain|cushion|cyclist|cylinder|deer|desk|dice|dish|doctor|dog|doll|
dolphin|donkey|donut|drawer|dress|drill|drum|duck|dustbin|eagle|easel|egg|elephant|envelope|eraser|faucet|fan|feather|
fence|ferry|file|fire hydrant|fireplace|fish|flag|flashlight|flower|flower pot|flute|folder|football|fork|fountain|fox|
frame|fridge|frisbee|frog|garage|gate|giraffe|girl|glass|globe|glove|goat|goose|grape|guitar|hammer|hammock|handbag|hat|
heater|helicopter|helmet|hen|horse|hose|hydrant|iron|jacket|jar|jeep|jug|juicer|kettle|key|keyboard|kite|knife|koala|
ladder|lamb|lamp|lantern|laptop|lemon|letter|lighter|lighthouse|lion|lizard|lock|log|lorry|magazine|mailbox|man|map|
marble|mat|mattress|melon|microphone|microscope|microwave|milk carton|mirror|monkey|mop|motorcycle|mouse|mug|mushroom|
nail|napkin|necklace|nest|newspaper|notebook|nurse|oar|onion|orange|ottoman|oven|owl|paintbrush|painting|pan|panda|
parasol|parcel|parrot|passport|peach|peacock|pear|pen|pencil|penguin|pepper|phone|piano|picnic basket|pigeon|pillow|
pin|pineapple|pipe|pirate|pitcher|pizza|plane|plant|plate|player|plug|pole|police car|pony|pot|potato|printer|pumpkin|
puppet|puppy|purse|rabbit|racket|radiator|radio|raft|rake|raven|razor|remote control|ring|robot|rocket|rope|rose|
rucksack|rug|ruler|saddle|sailboat|salt shaker|sandal|sandwich|saucer|saw|scarf|school bus|scissors|scooter|
screwdriver|seagull|shark|sheep|shelf|shell|ship|shirt|shoe|shovel|shower|sign|sink|skateboard|skirt|sled|slide|slipper|snail|snowman|soap|
sock|sofa|spade|spatula|speaker|sphere|spider|sponge|spoon|spray bottle|squirrel|stapler|statue|stool|stop sign|stove|
strawberry|street lamp|stroller|submarine|suitcase|sunflower|surfboard|swan|swing|sword|table|tablet|tank|tap|taxi|
teapot|teddy bear|telescope|television|tent|thermos|tiger|tie|tissue box|toaster|toilet|tomato|toothbrush|torch|towel|
tower|toy car|tractor|traffic cone|traffic light|train|tram|tray|tree|tricycle|tripod|trolley|trophy|truck|trumpet|
trunk|tulip|turtle|tyre|umbrella|van|vase|violin|wagon|waiter|wallet|wardrobe|washing machine|watch|watering can|whale|
wheel|wheelbarrow|wheelchair|whistle|wine glass|wolf|woman|wrench|yacht|zebra|red cup|blue chair|green bottle|white van|
black cat|wooden table|large dog|small box|old clock|striped umbrella|yellow taxi|round table|tall man|young woman
"""
_CHINESE = """
杯子|盒子|椅子|桌子|台灯|笔记本电脑|键盘|鼠标|手机|书|书包|花瓶|花盆|苹果|香蕉|橙子|瓶子|碗|盘子|刀|叉子|勺子|猫|狗|马|牛|羊|鸟|鱼|
汽车|公交车|卡车|自行车|摩托车|火车|飞机|船|男人|女人|男孩|女孩|沙发|床|枕头|毯子|窗帘|时钟|电视|冰箱|微波炉|烤箱|水壶|茶壶|毛巾|牙刷|
雨伞|帽子|鞋子|手套|围巾|外套|领带|行李箱|钱包|眼镜|球|足球|篮球|网球拍|滑板|风筝|吉他|钢琴|鼓|小提琴|箱子|篮子|桶|梯子|锤子|钳子|
红色的杯子|蓝色的椅子|白色的货车|黑色的猫|木桌|大狗|小盒子|圆桌|出租车|交通灯|消防栓|长椅|路灯|信箱|雕像|喷泉|树|灌木|石头|蛋糕|面包|
披萨|三明治|胡萝卜|西红柿|土豆|蘑菇|打印机|相框|镜子|垃圾桶|扫帚|拖把|吸尘器|洗衣机
"""


_IRREGULAR = {
    "man": "men", "woman": "women", "child": "children", "mouse": "mice", "shelf": "shelves", "knife": "knives",
    "goose": "geese", "wolf": "wolves", "sheep": "sheep", "deer": "deer", "fish": "fish", "scissors": "scissors",
    "bookshelf": "bookshelves", "dice": "dice",
}  # fmt: skip


def _listed(words: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for word in words.replace("\n", "").split("|") if word))


ENGLISH = _listed(_ENGLISH)
"""More than 400 English names, some of several words."""
CHINESE = _listed(_CHINESE)
"""Chinese names."""


def plural(name: str) -> str:
    """The plural of an English name."""
    head, _, last = name.rpartition(" ")
    if last in _IRREGULAR:
        made = _IRREGULAR[last]
    elif last.endswith(("s", "x", "ch", "sh")) or last in ("tomato", "potato"):
        made = f"{last}es"
    elif last.endswith("y") and last[-2] not in "aeiou":
        made = f"{last[:-1]}ies"
    else:
        made = f"{last}s"
    return f"{head} {made}".strip()
