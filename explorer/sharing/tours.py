"""A short tour of each page: what to look at first, and what to try. It can be read again at any time."""

from __future__ import annotations

_TOURS = {
    "": (
        "Two planes show the same test images under two priors: each dot is one image, its colour is its class.",
        "Move the pointer over a plane: the decoder draws what the model sees at that very place.",
        "Black dots are pseudo-inputs, images that the VampPrior has made up: they lie where the data lie.",
        "Choose other models at the left, or one from the cards below; *See a model collapse* shows what goes wrong.",
    ),
    "open_your_own": (
        "Give a model folder as a zip or by its path: it is copied into the library when all of it can be read.",
        "What is refused is refused with the reason, and nothing of it is kept.",
        "To encode a picture of your own, draw it on the page *Latent space*.",
    ),
    "latent_space": (
        "Each dot is a test image; point anywhere, and the decoder draws what is there.",
        "Click an image to see its reconstruction and its neighbours; drag with Shift to choose many.",
        "*Decoded plane* shows the plane in pictures, *Training* how it came to be, *Draw* where your drawing lies.",
        "Set a second model beside the first one at the left: what is chosen on one plane is chosen on both.",
    ),
    "samples": (
        "Every picture is a draw from the prior, decoded: this is what the model takes the data to be.",
        "The seed is the same for both models; the arrow beside it takes the next one.",
        "Look for pictures of nothing at all: their codes come from where the prior expects images and none live.",
        "Compare with *Aggregated posterior*, with codes from where the data are: what gets better, the prior spoilt.",
        "Under *More*: a temperature, and the training image nearest to each sample, to see what is only remembered.",
    ),
    "interpolate": (
        "Choose two images, or draw one under *More*: the pictures are decoded along the path between their codes.",
        "Drag the bead along the path, or an end to another image: the decoder follows.",
        "Compare with the path through pixels, where one picture fades into the other and no image lies between.",
        "The curve tells how likely the prior takes each step to be: a dip is a hole between the classes.",
    ),
    "pseudo_inputs": (
        "The pictures are the pseudo-inputs, the largest share of the data first.",
        "Click one: beside it stand draws from its own part of the prior, its place, and the images it stands for.",
        "*Samples* shows the VampPrior paper's figure: a pseudo-input in the corner, its samples around it.",
        "*Duplicates* shows pairs that are nearly the same: so many are spare.",
    ),
    "traversals": (
        "Each row moves one unit of z through its range and holds the others: what changes is what it stands for.",
        "Rows are ranked by what units carry; dead units, which change nothing, are left out until you ask for them.",
        "Start around another image, or at the mean of the prior.",
    ),
    "sphere": (
        "The latent space is a sphere: turn the globe, and read the map as one of the Earth.",
        "Click an image: its cap is as wide as the encoder's doubt; a second one gives the great circle between them.",
        "Point at the map to decode; no edge is an edge of the sphere.",
    ),
    "layers_and_codes": (
        "A hierarchy has layers of z: hold the upper one and draw the lower one anew to see what each decides.",
        "Then add one layer after the other to the reconstruction.",
        "*Planes*: point at the plane of the top layer to see what it says by itself.",
        "Of a VQ-VAE, see which code stands at which place, and swap one.",
    ),
    "active_units": (
        "Each bar is a unit: how much its mean varies over the test images, and what it carries in nats.",
        "Units under the threshold are dead: the encoder says the same of every image.",
        "Move the threshold: an honest count hardly changes.",
        "The units' lives during training tell when they died.",
    ),
    "side_by_side": (
        "Up to four models see the same images and draw with the same seeds.",
        "Choose images on one plane: they are chosen on all.",
        "A difference has its standard error, and is given only where the two numbers measure the same thing.",
    ),
    "results": (
        "Each line is a model of your library: its log-likelihood on test images, further right is better.",
        "Open diamonds are the papers' numbers, of larger networks and longer training: a mark to aim at, not a rival.",
        "The table below has all numbers; bold is what is best beyond the error of the differences, image by image.",
        "Another data set or another measure is another table; click a dot or a row to open its model.",
    ),
    "new_run": (
        "Begin with a preset, and change what you want to know about.",
        "What does not fit together is said at the field, before anything starts.",
        "Start the run: it goes on when the browser is closed.",
    ),
    "runs": (
        "Each line is a run: open one to see its curves and pictures as it trains.",
        "Stop, pause or prolong it; what was deleted waits in the trash.",
        "Alarms say what goes wrong, and from which number.",
    ),
}


def of(page: str) -> tuple[str, ...]:
    """The sentences for the page of this path ("" for Home); none for a page that is not known."""
    return _TOURS.get(page, ())
