"""The interface of Depth Anything 3, with brightness in place of its networks."""

import torch
from omegaconf import OmegaConf


class Part(torch.nn.Module):
    def __init__(self, has_sky, has_camera):
        super().__init__()
        self.bias = torch.nn.Parameter(torch.zeros(1))
        self.has_sky, self.has_camera = has_sky, has_camera

    def forward(self, image):
        assert image.shape[:2] == (1, 1), "one view of one scene"
        brightness = image.mean(2) * 0.2255 + 0.4493
        output = {"depth": 1 + brightness}
        if self.has_sky:
            output["sky"] = (brightness > 0.95).float()
        if self.has_camera:
            focal_px = 0.8 * image.shape[4]
            output["intrinsics"] = torch.diag(torch.tensor([focal_px, focal_px, 1]))[None, None]
        return output


class Nested(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.da3, self.da3_metric = Part(False, True), Part(True, False)

    def forward(self, image):
        assert (self.da3_metric(image)["sky"] < 0.3).sum() > 10, "Insufficient non-sky pixels for alignment"
        return self.da3(image)


def load_config(path):
    return OmegaConf.create({"name": path})


def create_object(config):
    has_sky = "mono" in config.name or "metric" in config.name
    return Nested() if "nested" in config.name else Part(has_sky, not has_sky)
