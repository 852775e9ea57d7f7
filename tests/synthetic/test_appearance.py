"""Layers, textures, printed words and sensor noise of rendered views."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from synthetic.worlds import CAMERA, FLOOR, PIECES, level_pose
from synthetic.worlds import view as plain_view

from pipeline.models.ocr.rapid import RapidOcr
from pipeline.records.camera import Camera
from pipeline.synthetic.appearance import compose, ink_for, palette_of
from pipeline.synthetic.camera_noise import sensor_noise
from pipeline.synthetic.decoration import decorated
from pipeline.synthetic.layout import COLOURS, random_world
from pipeline.synthetic.scenes import look_at
from pipeline.synthetic.textures import LIMITS, TEXTURES, solid_cells, texture_of
from pipeline.synthetic.view import RenderedView, pixel_rays, render
from pipeline.synthetic.words import COPIES, WORDS, bitmap
from pipeline.synthetic.world import Piece, World

SIZE_M = (0.4, 0.4, 0.4)
LIGHT = (0.2, -0.8, 1.0)
NEAR = look_at(np.array([0.1, -1.0, 0.45]), np.array([0, 0, 0.2]))


def solid(shape: str = "box", colour: str = "yellow", **kwargs) -> Piece:
    return Piece(f"{colour} {shape}", "", shape, COLOURS[colour][1], (0.0, 0.0, 0.0), SIZE_M, **kwargs)


def look(*pieces: Piece, pose: np.ndarray = NEAR, camera: Camera = CAMERA, surfaces=(FLOOR,)) -> RenderedView:
    return render(World(pieces, surfaces, LIGHT), camera, pose, objects=False)


def recomposed(view: RenderedView) -> np.ndarray:
    palette = palette_of(view.world)
    return compose(view.layers, palette, ink_for(palette))


def in_world(view: RenderedView) -> np.ndarray:
    """What every pixel shows, float32 (H, W, 3) [m]."""
    points = pixel_rays(view.frame.camera) * view.frame.given_depth.values[..., None]
    return (points @ view.frame.pose[:3, :3].T + view.frame.pose[:3, 3]).astype(np.float32)


class TestLayers:
    def test_a_view_is_composed_of_its_layers_in_its_own_colours(self):
        view = look(solid(texture="checks", word="TEA"))
        assert np.array_equal(recomposed(view), view.frame.rgb)

    def test_another_palette_colours_one_object_anew(self):
        view = look(solid(colour="red"), replace(solid(colour="blue"), position_m=(0.6, 0.3, 0.0)))
        palette = palette_of(view.world)
        palette[0] = (0, 255, 0)
        rgb = compose(view.layers, palette, ink_for(palette))
        assert (rgb[view.ids == 0][:, [0, 2]] == 0).all()
        assert np.array_equal(rgb[view.ids != 0], view.frame.rgb[view.ids != 0])

    def test_the_sky_is_the_last_entry_in_full_light(self):
        layers = look(solid()).layers
        sky = layers.ids == 2
        assert sky.any() and (layers.shade[sky] == 1).all() and (layers.texture[sky] == 1).all()
        assert [getattr(layers, name).dtype for name in ("ids", "shade", "texture", "ink")] == ["i2", "f4", "f4", "f4"]

    def test_without_objects_all_else_is_the_same(self):
        whole = plain_view()
        bare = render(whole.world, CAMERA, level_pose(), objects=False)
        assert bare.objects == () and len(whole.objects) == len(PIECES)
        assert np.array_equal(bare.frame.rgb, whole.frame.rgb) and np.array_equal(bare.ids, whole.ids)

    def test_ink_contrasts_with_every_colour(self):
        luma = np.array((0.299, 0.587, 0.114))
        colours = np.array([rgb for _, rgb in COLOURS.values()])
        assert (np.abs(ink_for(colours) @ luma - colours @ luma) > 75).all()


class TestTextures:
    @pytest.mark.parametrize("name", TEXTURES)
    def test_factors_vary_mildly(self, name):
        cells = np.random.default_rng(1).uniform(0, 6, (4000, 3)).astype(np.float32)
        factors = TEXTURES[name](cells)
        assert factors.dtype == np.float32 and factors.shape == (4000,)
        assert LIMITS[0] <= factors.min() and factors.max() <= LIMITS[1] + 1e-6
        assert np.ptp(factors) > 0.1

    @pytest.mark.parametrize("name", [name for name in TEXTURES if name != "boards"])
    def test_rounding_changes_nothing_on_the_walls_of_a_box(self, name):
        wall = np.random.default_rng(2).uniform(-0.5, 0.5, (2000, 3)) * (0.4, 0.2, 0.3)
        for axis in range(3):
            points = wall.copy()
            points[:, axis] = (-0.2, 0.1, -0.15)[axis]
            pair = [points.astype(np.float32) + np.float32(way * 1e-7) * np.eye(3)[axis] for way in (-1, 1)]
            inner, outer = (TEXTURES[name](solid_cells(side, (0.4, 0.2, 0.3))) for side in pair)
            assert np.abs(inner - outer).max() < 0.01

    @pytest.mark.parametrize("name", ["stripes", "checks", "speckles", "mottle"])
    def test_a_texture_sticks_to_its_object(self, name):
        """The factor at a point of a turned solid that two views show is the same in both."""
        views = [
            look(solid("cylinder", texture=name, yaw_rad=0.4), pose=look_at(np.array(eye), np.array([0, 0, 0.2])))
            for eye in ([-0.5, -1.1, 0.5], [0.5, -1.1, 0.6])
        ]
        first, second = views
        points = in_world(first)[first.ids == 0]
        seen = (points - second.frame.pose[:3, 3]) @ second.frame.pose[:3, :3]
        columns, rows = np.round(seen[:, :2] / seen[:, 2:] * CAMERA.fx + (CAMERA.cx, CAMERA.cy)).astype(int).T
        shown = (second.ids[rows, columns] == 0) & (
            np.abs(in_world(second)[rows, columns] - points).max(axis=1) < 0.004
        )
        ours, theirs = first.layers.texture[first.ids == 0][shown], second.layers.texture[rows, columns][shown]
        assert shown.sum() > 1000
        assert np.corrcoef(ours, theirs)[0, 1] > 0.85

    def test_surfaces_without_texture_keep_their_tiles(self):
        view = look(solid())
        floor = view.layers.ids == 1
        assert 0.75 < view.layers.texture[floor].min() < 0.83 and view.layers.texture[floor].max() > 0.99
        smooth = replace(view.world, surfaces=(replace(FLOOR, tile_m=0.0),))
        assert (texture_of(smooth, view.layers.ids, in_world(view)) == 1).all()


@pytest.fixture(scope="module")
def ocr() -> RapidOcr:
    pytest.importorskip("rapidocr")
    return RapidOcr()


class TestWords:
    @pytest.mark.parametrize("text", WORDS)
    def test_every_word_can_be_drawn(self, text):
        ink = bitmap(text)
        assert 0.1 < (ink > 0.5).mean() < 0.85
        assert ink[0].any() and ink[-1].any() and ink[:, 0].any() and ink[:, -1].any()

    @pytest.mark.parametrize("shape, yaw_rad", [("box", 0.2), ("cylinder", 0.0), ("cylinder", 0.5)])
    def test_a_box_holds_the_ink_and_nothing_else_is_printed(self, shape, yaw_rad):
        # Copies stand at 0, 120 and 240 degrees around a cylinder: one is turned to the camera, below it at -90.
        pose = look_at(np.array([0.0, -1.2, 0.25]), np.array([0, 0, 0.2]))
        view = look(solid(shape, word="A12", yaw_rad=yaw_rad), pose=pose)
        (word,) = view.words
        assert (word.text, word.piece) == ("A12", 0)
        left, top, right, bottom = (int(side) for side in word.box_px)
        within = np.zeros(view.ids.shape, dtype=bool)
        within[top:bottom, left:right] = True
        assert (view.layers.ink[view.ids != 0] == 0).all()
        assert view.layers.ink[within].max() > 0.9 and 0.2 < view.layers.ink[within].mean() < 0.8
        for strip in (np.s_[top, left:right], np.s_[bottom - 1, left:right], np.s_[top:bottom, left]):
            assert view.layers.ink[strip].max() >= 0.3
        rows, columns = np.nonzero(view.ids == 0)
        assert (bottom - top) / np.ptp(rows) == pytest.approx(0.3, abs=0.12)
        assert columns.min() < left < right < columns.max()

    def test_letters_run_from_left_to_right_on_every_side(self):
        """An L has its ink at the left and below, whoever looks."""
        for shape, copies in COPIES.items():
            for copy in range(copies):
                angle = 2 * np.pi * copy / copies
                eye = np.array([1.2 * np.cos(angle), 1.2 * np.sin(angle), 0.2])
                view = look(solid(shape, word="L"), pose=look_at(eye, np.array([0, 0, 0.2])))
                (word,) = view.words
                left, top, right, bottom = (int(side) for side in word.box_px)
                ink = view.layers.ink[top:bottom, left:right]
                middle_row, middle_column = bottom - top >> 1, right - left >> 1
                assert ink[:, :middle_column].sum() > 1.5 * ink[:, middle_column:].sum()
                assert ink[middle_row:].sum() > 1.3 * ink[:middle_row].sum()

    def test_hidden_small_and_sidelong_words_are_not_told(self):
        box = solid(word="RICE")
        front = look_at(np.array([0, -1.2, 0.3]), np.array([0, 0, 0.2]))
        before = replace(solid("cylinder", "red"), position_m=(0.0, -0.4, 0.0), size_m=(0.1, 0.1, 0.3))
        assert len(look(box, pose=front).words) == 1
        assert look(box, before, pose=front).words == ()
        assert look(box, pose=look_at(np.array([0, -9.0, 0.3]), np.array([0, 0, 0.2]))).words == ()
        # From a corner, both walls are seen at 45 degrees; from further round, one of them no more.
        for angle_deg, count in ((45, 2), (75, 1)):
            angle = np.radians(angle_deg)
            eye = np.array([1.3 * np.cos(angle), 1.3 * np.sin(angle), 0.3])
            assert len(look(box, pose=look_at(eye, np.array([0, 0, 0.2]))).words) == count

    @pytest.mark.parametrize("shape, word, colour", [("box", "SUGAR", "yellow"), ("cylinder", "牛奶", "blue")])
    def test_ocr_reads_a_word(self, ocr, shape, word, colour):
        view = look(solid(shape, colour, word=word, yaw_rad=0.6), camera=Camera.from_fov(256, 256, 40))
        boxes = np.array([line.box_px for line in ocr.read(view.frame, 0) if line.label == word])
        (told,) = view.words
        centres = boxes.reshape(-1, 2, 2).mean(axis=1)
        assert np.linalg.norm(centres - np.reshape(told.box_px, (2, 2)).mean(axis=0), axis=1).min() < 20


class TestDecorated:
    def test_geometry_colours_and_names_stay(self):
        world, _, _ = random_world(np.random.default_rng(5))
        other = decorated(world, np.random.default_rng(0))
        bare = tuple(replace(piece, texture=None, word=None) for piece in other.pieces)
        assert bare == world.pieces and other.light == world.light
        assert [surface.corners_m for surface in other.surfaces] == [item.corners_m for item in world.surfaces]

    def test_the_same_seed_gives_the_same_decoration(self):
        world, _, _ = random_world(np.random.default_rng(5))
        first, second, third = (decorated(world, np.random.default_rng(seed)) for seed in (1, 1, 2))
        assert first.pieces == second.pieces and first.surfaces == second.surfaces
        assert first.pieces != third.pieces

    def test_about_half_is_textured_and_some_solids_bear_words_of_their_own(self):
        worlds = [random_world(np.random.default_rng(seed))[0] for seed in range(12)]
        worlds = [decorated(world, np.random.default_rng((k, n))) for n, world in enumerate(worlds) for k in range(5)]
        solids = [piece for world in worlds for piece in world.pieces if piece.shape != "table"]
        assert 0.4 < np.mean([piece.texture is not None for piece in solids]) < 0.6
        assert {piece.texture for piece in solids} == {*TEXTURES, None} - {"boards"}
        bearers = [piece for piece in solids if piece.shape in COPIES]
        assert 0.1 < np.mean([piece.word is not None for piece in bearers]) < 0.4
        assert all(piece.word is None for piece in solids if piece.shape not in COPIES)
        for world in worlds:
            words = [piece.word for piece in world.pieces if piece.word]
            assert len(words) == len(set(words))

    @pytest.mark.parametrize("name", [name for name in TEXTURES if name != "boards"])
    def test_colours_keep_their_names(self, name):
        """The mean colour of the lit side of an object is nearest to its own name's, up to its brightness."""
        names, palette = list(COLOURS), np.array([rgb for _, rgb in COLOURS.values()], dtype=float)
        view = look(solid(texture=name, word="TEA"))
        lit = (view.ids == 0) & (view.layers.shade > 0.8) & (view.layers.ink == 0)
        for colour, rgb in zip(names, palette, strict=True):
            painted = np.vstack((rgb, palette_of(view.world)[1:]))
            mean = compose(view.layers, painted, ink_for(painted))[lit].mean(axis=0) / view.layers.shade[lit].mean()
            assert names[int(np.linalg.norm(palette - mean, axis=1).argmin())] == colour


class TestSensorNoise:
    def test_the_same_seed_gives_the_same_image_and_another_one_another(self):
        rgb = look(solid()).frame.rgb
        first, second, third = (sensor_noise(rgb, np.random.default_rng(seed)) for seed in (3, 3, 4))
        assert first.dtype == np.uint8 and first.shape == rgb.shape
        assert np.array_equal(first, second) and not np.array_equal(first, third)

    def test_it_is_mild_and_noisier_in_the_light(self):
        halves = np.full((120, 160, 3), 40, dtype=np.uint8)
        halves[:, 80:] = 200
        images = [sensor_noise(halves, np.random.default_rng(seed)).astype(float) for seed in range(20)]
        assert np.abs(np.mean(images, axis=0)[:, 90:].mean() - 200) < 20
        spreads = [[np.diff(image[:, part], axis=1).std() for part in (np.s_[:70], np.s_[90:])] for image in images]
        dark, light = np.mean(spreads, axis=0)
        assert 0.3 < dark < light < 6

    def test_the_corners_lose_light(self):
        grey = np.full((120, 160, 3), 128, dtype=np.uint8)
        mean = np.mean([sensor_noise(grey, np.random.default_rng(seed)) for seed in range(20)], axis=(0, 3))
        rings = [mean[60, 80], mean[30, 40], mean[:4, :4].mean()]
        assert all(inner > outer for inner, outer in pairwise(rings))
