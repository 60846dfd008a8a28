"""The shop's shelves, which the data lacks, and which product goes where, by the meaning of its name.

Zero-shot: a product goes to the category with whose examples its text vector agrees most. Nothing is learnt
from labels; the examples below are all there is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Shelf:
    """``examples`` are what the text encoder compares names with, separated by semicolons."""

    slug: str
    name: str
    examples: str


SHELVES = (
    Shelf(
        "bags",
        "Bags and purses",
        "lunch bag; shopper bag; jumbo bag; tote bag; handbag; purse; shoulder bag; wallet; "
        "backpack; luggage tag; passport cover",
    ),
    Shelf(
        "mugs-and-tea",
        "Mugs and tea time",
        "mug; tea cup and saucer; teapot; coffee mug; tea set; tea cosy; egg cup; milk jug; "
        "sugar bowl; tea towel",
    ),
    Shelf(
        "kitchen",
        "Kitchen and baking",
        "cake cases; baking mould; mixing bowl; measuring spoons; cookie cutter; recipe box; "
        "apron; oven glove; rolling pin; jelly mould; kitchen scales; pantry jar",
    ),
    Shelf(
        "dining",
        "Plates and table",
        "dinner plate; bowl; napkins; placemat; cutlery set; wine glass; cake stand; tablecloth; "
        "coaster; doily; serving tray; drinking straws",
    ),
    Shelf(
        "storage",
        "Tins, boxes and storage",
        "storage tin; cake tin; storage box; biscuit tin; drawer cabinet; basket; organiser; "
        "snack box; lunch box; jar; magazine rack; hanging tidy",
    ),
    Shelf(
        "candles",
        "Candles and lights",
        "candle; tea light holder; lantern; candlestick; scented candle; fairy lights; "
        "night light; lamp; incense; candle plate",
    ),
    Shelf(
        "christmas",
        "Christmas",
        "Christmas decoration; Christmas tree ornament; Christmas stocking; advent calendar; "
        "Santa; reindeer; snowman; Christmas bauble; snowflake garland; wreath; nativity",
    ),
    Shelf(
        "party",
        "Party and bunting",
        "party bunting; balloons; paper chain; birthday party; party invites; garland of flags; "
        "piñata; party cones; streamers; confetti",
    ),
    Shelf(
        "wall-art",
        "Signs and wall art",
        "metal sign; wall art; picture frame; door sign; photo frame; poster; wall plaque; "
        "hanging sign; chalkboard; letter of the alphabet block; wooden letters",
    ),
    Shelf(
        "clocks-mirrors",
        "Clocks and mirrors",
        "alarm clock; wall clock; mirror; bakelike alarm clock; thermometer; barometer",
    ),
    Shelf(
        "home",
        "Cushions and home",
        "cushion cover; doormat; rug; door stop; curtain; blanket; throw; quilt; "
        "draught excluder; bath mat; towel; ironing board cover; hot water bottle",
    ),
    Shelf(
        "furniture",
        "Furniture and hooks",
        "cabinet; chair; table; stool; coat rack; hook; hanger; shelf; drawer knob; bookend; "
        "umbrella stand; easel",
    ),
    Shelf(
        "ornaments",
        "Ornaments and figures",
        "ornament; figurine; ceramic animal; decorative bird; statue; vase; decorative heart; "
        "wicker heart; paperweight; bell; trinket box; glass cloche",
    ),
    Shelf(
        "garden",
        "Garden and outdoors",
        "garden tools; plant pot; watering can; bird house; bird feeder; flower pot; planter; "
        "seeds; gardening gloves; picnic basket; hammock; parasol; kneeling pad",
    ),
    Shelf(
        "flowers",
        "Artificial flowers",
        "artificial flower; rose stem; silk flower bouquet; garland of flowers; dried flowers; "
        "peony; hydrangea",
    ),
    Shelf(
        "stationery",
        "Stationery",
        "notebook; pencils; pens; address book; diary; sticky notes; ruler; eraser; pencil case; "
        "stamps; sketchbook; sticker sheet; magnets; scrapbook; calculator",
    ),
    Shelf(
        "cards-and-wrap",
        "Cards and gift wrap",
        "greeting card; gift wrap; birthday card; wrapping paper; ribbon; gift tag; gift bag; "
        "tissue paper; postcard; envelope; sticky tape",
    ),
    Shelf(
        "toys",
        "Toys and games",
        "toy; wooden blocks; playing cards; jigsaw puzzle; skipping rope; doll; soft toy; "
        "spinning top; dominoes; board game; bingo set; kite; yo-yo; marbles; knitting kit; "
        "colouring set",
    ),
    Shelf(
        "children",
        "For children",
        "children's cutlery; baby; child's umbrella; girl's; boy's; children's apron; bib; "
        "money box; piggy bank; space boy; dolly girl; circus parade; toadstool night light",
    ),
    Shelf(
        "jewellery",
        "Jewellery and hair",
        "necklace; bracelet; earrings; brooch; ring; pendant; bangle; hair clip; hair band; "
        "key ring; phone charm; diamante; beads; jewellery box",
    ),
    Shelf(
        "wellbeing",
        "Bath and wellbeing",
        "soap; bath salts; cosmetic bag; wash bag; hand warmer; sleep mask; plasters; nail file; "
        "make-up brush; bath sponge; tissues; lip balm; manicure set",
    ),
    Shelf(
        "umbrellas",
        "Umbrellas, hats and travel",
        "umbrella; parasol; rain hat; sun hat; scarf; slippers; gloves; sunglasses; fan; poncho; "
        "travel mug; bicycle; watch",
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
