"""Folders of data as of labelling tools; the colour of an object is its class."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

#: Names of the classes, and the colours of their objects in images.
CLASSES = ('apple', 'pear', 'plum')
COLOURS = np.array([(210, 50, 40), (40, 160, 60), (50, 70, 200)], np.uint8)
GREY = 120
SIDE = 96
CATEGORIES = [dict(id=i, name=name) for i, name in enumerate(CLASSES, 1)]


def draw(number, seed=0):
    """An image and its label map (0 is background), with one object of each class."""
    rng = np.random.default_rng((seed, number))
    image = np.full((SIDE, SIDE, 3), GREY, np.uint8)
    labels = np.zeros((SIDE, SIDE), np.uint8)
    boxes = []
    for label in range(len(CLASSES)):
        x, y = 32 * label + rng.integers(0, 10), rng.integers(0, 60)
        w, h = rng.integers(10, 20, 2)
        image[y : y + h, x : x + w] = COLOURS[label]
        labels[y : y + h, x : x + w] = label + 1
        boxes.append([int(x), int(y), int(w), int(h)])
    return image, labels, boxes


def write_coco(folder, json_file, num=6, seed=0, categories=CATEGORIES, name='{}.png'):
    """Images and a COCO file; ``categories`` are those of the classes, in their order.

    Returns:
        dict: The content of the file, to change and write again by :func:`write_json`.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    images, annotations = [], []
    for number in range(1, num + 1):
        image, _, boxes = draw(number, seed)
        file_name = name.format(number)
        Image.fromarray(image).save(folder / file_name)
        images.append(dict(id=number, file_name=file_name, width=SIDE, height=SIDE))
        for label, (x, y, w, h) in enumerate(boxes):
            annotations.append(
                dict(
                    id=len(annotations) + 1,
                    image_id=number,
                    category_id=categories[label]['id'],
                    bbox=[x, y, w, h],
                    area=w * h,
                    iscrowd=0,
                    segmentation=[[x, y, x + w, y, x + w, y + h, x, y + h]],
                )
            )
    content = dict(images=images, annotations=annotations, categories=list(categories))
    write_json(json_file, content)
    return content


def write_json(path, content):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), 'utf-8')


def write_label_maps(
    images, maps, num=6, seed=0, image='p{}.jpg', label='p{}.png', save=None
):
    """Images and label maps; ``save(labels, path)`` writes a map in another way."""
    for folder in (images, maps):
        Path(folder).mkdir(parents=True, exist_ok=True)
    for number in range(num):
        picture, labels, _ = draw(number, seed)
        Image.fromarray(picture).save(Path(images) / image.format(number), quality=100)
        path = Path(maps) / label.format(number)
        if save:
            save(labels, path)
        else:
            Image.fromarray(labels).save(path)


def write_class_folders(root, classes, num=5, name='{}.jpg', first=0):
    """Folders of images, each of another content."""
    for label, folder in enumerate(classes):
        (Path(root) / folder).mkdir(parents=True, exist_ok=True)
        for number in range(num):
            image = np.full((64, 64, 3), GREY, np.uint8)
            image[: first + number + 1, : label + 1] = COLOURS[label % 3]
            Image.fromarray(image).save(Path(root) / folder / name.format(number))


def list_contents(root):
    """Every file below a folder with its bytes."""
    return {path: path.read_bytes() for path in Path(root).rglob('*') if path.is_file()}
