# The landmark network: a small U-Net whose softmax has one extra bin for "not in this picture".
# May depend on torch only.
import torch
from torch import nn
from torch.nn import functional as F

SIZE, GRID = 256, 128


def conv(i, o, stride=1):
    return nn.Sequential(nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class Res(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.a = conv(c, c)
        self.b = nn.Sequential(nn.Conv2d(c, c, 3, 1, 1, bias=False), nn.BatchNorm2d(c))

    def forward(self, x):
        return F.relu(x + self.b(self.a(x)))


class LandmarkNet(nn.Module):
    """image [B,1,256,256] in 0..1 -> logits [B,K,128*128+1]; the last bin means absent."""

    def __init__(self, k, width=(24, 48, 80, 128, 192)):
        super().__init__()
        w = width
        self.k = k
        self.stem = conv(1, w[0], 2)
        self.enc = nn.ModuleList([nn.Sequential(conv(w[0], w[0]))] +
                                 [nn.Sequential(conv(w[i - 1], w[i], 2), Res(w[i])) for i in range(1, len(w))])
        self.deep = nn.Sequential(conv(w[-1], w[-1], 2), Res(w[-1]))
        self.dec = nn.ModuleList()
        self.side = nn.ModuleList()
        up = w[-1]
        for c in reversed(w):
            self.side.append(nn.Conv2d(up, c, 1, bias=False))
            self.dec.append(conv(c, c))
            up = c
        self.head = nn.Conv2d(w[0], k, 1)
        self.absent = nn.Sequential(nn.Conv2d(w[-1], 64, 1), nn.ReLU(inplace=True))
        self.absent_out = nn.Conv2d(64, k, 1)
        nn.init.constant_(self.absent_out.bias, 9.0)

    def parts(self, image):
        """-> map [B,K,GRID,GRID] and absent [B,K,1,1], both logits."""
        x = self.stem(image * 2 - 1)
        skips = []
        for e in self.enc:
            x = e(x)
            skips.append(x)
        x = self.deep(x)
        missing = self.absent_out(F.adaptive_avg_pool2d(self.absent(x), 1))
        for side, dec, skip in zip(self.side, self.dec, reversed(skips)):
            x = F.interpolate(side(x), scale_factor=2.0, mode="nearest")
            x = dec(x + skip)
        return self.head(x), missing

    def forward(self, image):
        here, missing = self.parts(image)
        return torch.cat([here.flatten(2), missing.flatten(2)], 2)


class Exported(nn.Module):
    """The shipped form: probabilities [B,K,128,128]; a channel's sum = P(landmark in the picture)."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, image):
        here, missing = self.net.parts(image)
        k = self.net.k
        p = torch.softmax(torch.cat([here.reshape(1, k, GRID * GRID), missing.reshape(1, k, 1)], 2), 2)
        return p[:, :, :GRID * GRID].reshape(1, k, GRID, GRID)
