"""The shop's shelves, which the data lacks, and which product goes where, by the meaning of its name.

Zero-shot: a product goes to the category with whose examples its text vector agrees most. Nothing is learnt
from labels; the examples below are all there is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Shelf:
    """``examples`` are what the text encoder compares names with, separated by semicolons.

    ``art`` is the name of its picture in data/product_art without ending.
    """

    slug: str
    name: str
    art: str
    examples: str


SHELVES = (
    Shelf(
        "bags",
        "Bags and purses",
        "1f45c",
        "lunch bag; shopper bag; jumbo bag; tote bag; handbag; purse; shoulder bag; wallet; "
        "backpack; charlotte bag; luggage tag; passport cover; picnic bag",
    ),
    Shelf(
        "mugs-and-tea",
        "Mugs and tea time",
        "1fad6",
        "mug; tea cup and saucer; teapot; coffee mug; tea set; tea cosy; egg cup; milk jug; sugar "
        "bowl; tea towel; flask",
    ),
    Shelf(
        "kitchen",
        "Kitchen and baking",
        "1f9c1",
        "cake cases; baking mould; mixing bowl; measuring spoons; cookie cutter; recipe box; "
        "apron; oven glove; rolling pin; jelly mould; kitchen scales; pantry jar; chopping board; "
        "washing up gloves; saucepan; toast stamp; lolly maker; food cover; jam making set; "
        "frying pan",
    ),
    Shelf(
        "dining",
        "Plates and table",
        "1f37d-fe0f",
        "dinner plate; bowl; napkins; placemat; cutlery set; wine glass; cake stand; tablecloth; "
        "coaster; doily; serving tray; salt and pepper pots; cake fork; bottle opener; glass "
        "tumbler; ice bucket",
    ),
    Shelf(
        "storage",
        "Tins, boxes and storage",
        "1f4e6",
        "storage tin; cake tin; storage box; biscuit tin; drawer cabinet; basket; organiser; "
        "snack box; lunch box; jar; magazine rack; hanging tidy; bread bin; letter rack",
    ),
    Shelf(
        "candles",
        "Candles and lights",
        "1f56f-fe0f",
        "candle; tea light holder; lantern; candlestick; scented candle; fairy lights; night "
        "light; lamp; incense; candle plate; set of tea lights; light chain; oil burner; matches",
    ),
    Shelf(
        "christmas",
        "Christmas",
        "1f384",
        "Christmas decoration; Christmas tree ornament; Christmas stocking; advent calendar; "
        "Santa; reindeer; snowman; Christmas bauble; snowflake garland; wreath; nativity; "
        "Christmas crackers",
    ),
    Shelf(
        "easter",
        "Easter",
        "1f423",
        "Easter decoration; Easter egg hunt; Easter bunny; Easter chick; Easter egg tin; painted eggs",
    ),
    Shelf(
        "party",
        "Party and bunting",
        "1f389",
        "party bunting; balloons; paper chain; birthday party; party invites; garland; party "
        "cones; streamers; confetti; paper cups; paper plates; honeycomb paper ball; party bags; "
        "birthday candles; flags",
    ),
    Shelf(
        "wall-art",
        "Signs and wall art",
        "1f5bc-fe0f",
        "metal sign; wall art; picture frame; door sign; photo frame; poster; wall plaque; "
        "hanging sign; chalkboard; memo board; letter of the alphabet block; wooden letters; "
        "number tile; flying ducks; canvas; photo clips; photo album",
    ),
    Shelf(
        "clocks-mirrors",
        "Clocks and mirrors",
        "1f570-fe0f",
        "alarm clock; wall clock; mirror; bakelike alarm clock; thermometer; barometer; compact mirror",
    ),
    Shelf(
        "home",
        "Cushions and home",
        "1f6cb-fe0f",
        "cushion cover; doormat; rug; door stop; curtain; blanket; throw; quilt; draught "
        "excluder; towel; ironing board cover; hot water bottle; clothes pegs; dog bowl; cat "
        "bowl; ashtray; radio; bed linen; recycled mat",
    ),
    Shelf(
        "furniture",
        "Furniture and hooks",
        "1fa91",
        "cabinet; chair; table; stool; coat rack; hook; hanger; shelf; drawer knob; bookend; "
        "umbrella stand; easel; pouffe; door handle",
    ),
    Shelf(
        "ornaments",
        "Ornaments and figures",
        "1f3fa",
        "ornament; figurine; ceramic animal; decorative bird; statue; vase; decorative heart; "
        "wicker heart; paperweight; bell; trinket box; glass cloche; Buddha head; shell; glass "
        "bottle decoration",
    ),
    Shelf(
        "garden",
        "Garden and flowers",
        "1fab4",
        "garden tools; plant pot; watering can; bird house; bird feeder; flower pot; planter; "
        "seeds; gardening gloves; hammock; garden gnome; kneeling pad; windmill; artificial "
        "flower; silk rose stem; windchime",
    ),
    Shelf(
        "stationery",
        "Stationery",
        "270f-fe0f",
        "notebook; pencils; pens; address book; diary; journal; sticky notes; ruler; eraser; "
        "pencil case; rubber stamps; sketchbook; sticker sheet; fridge magnets; scrapbook; "
        "calculator; wastepaper bin",
    ),
    Shelf(
        "cards-and-wrap",
        "Cards and gift wrap",
        "1f381",
        "greeting card; gift wrap; wrap; birthday card; wrapping paper; ribbon; gift tag; gift "
        "bag; tissue paper; postcard; envelope; sticky tape; gift box",
    ),
    Shelf(
        "craft",
        "Craft and sewing",
        "1f9f6",
        "sewing kit; knitting kit; pin cushion; stencil craft kit; felt craft kit; scissors; "
        "buttons; crochet; modelling clay; paint your own; cross stitch; patches; sewing box; "
        "tape measure",
    ),
    Shelf(
        "toys",
        "Toys and games",
        "1f9e9",
        "toy; wooden building blocks; playing cards; jigsaw puzzle; skipping rope; doll; soft "
        "toy; teddy bear; spinning top; dominoes; board game; bingo set; kite; yo-yo; marbles; "
        "dinosaur set; toy animals; doll's house; playhouse; inflatable; colouring set; puppet; "
        "badges",
    ),
    Shelf(
        "children",
        "For children",
        "1f3a0",
        "children's cutlery; baby bib; child's umbrella; children's apron; money box; piggy bank; "
        "child's garden spade; nursery mobile; child's rain mac; child's breakfast set",
    ),
    Shelf(
        "jewellery",
        "Jewellery and hair",
        "1f48d",
        "necklace; bracelet; earrings; brooch; silver ring; enamel flower ring; pendant; bangle; "
        "hair clip; hair grip; hair comb; hair band; key ring; key fob; phone charm; bag charm; "
        "diamante; beads; jewellery box",
    ),
    Shelf(
        "wellbeing",
        "Bath and wellbeing",
        "1f6c1",
        "soap; soap dish; bath salts; cosmetic bag; wash bag; hand warmer; sleep mask; plasters; "
        "first aid kit; nail file; make-up brush; bath sponge; pocket tissues; tissue box; lip "
        "balm; manicure set; bathroom scales; shower cap; bath mat; flannel",
    ),
    Shelf(
        "umbrellas",
        "Umbrellas and accessories",
        "2602-fe0f",
        "umbrella; parasol; rain hat; sun hat; scarf; slippers; gloves; sunglasses; hand fan; "
        "rain poncho; socks; bicycle bell",
    ),
)


def shelf_of(products: np.ndarray, examples: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """For each product the index of the shelf that owns the example nearest to it.

    ``products`` [n, d] and ``examples`` [e, d] unit vectors; ``owner`` [e] is each example's shelf. The
    best example decides with three quarters, the mean of the shelf's best three with one: a single odd
    neighbour carries less than a shelf that agrees.
    """
    similarity = products @ examples.T
    scores = np.empty((len(products), int(owner.max()) + 1), dtype=np.float32)
    for shelf in range(scores.shape[1]):
        own = np.sort(similarity[:, owner == shelf], axis=1)[:, ::-1]
        scores[:, shelf] = 0.75 * own[:, 0] + 0.25 * own[:, :3].mean(axis=1)
    return scores.argmax(axis=1)


def example_phrases() -> tuple[list[str], np.ndarray]:
    """All examples, and the index of the shelf that each stands for."""
    phrases: list[str] = []
    owner: list[int] = []
    for number, shelf in enumerate(SHELVES):
        for phrase in [shelf.name, *shelf.examples.split(";")]:
            phrases.append(phrase.strip())
            owner.append(number)
    return phrases, np.array(owner)
