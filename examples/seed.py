"""The smallest whole computation: four ops on a 2x2, and the gradient of the result.

out = mean(3 * (x + 2)**2), so d out/d x is 6 * (x + 2) / 4: at x = 1 that is 4.5 everywhere.
"""

import torch

x = torch.ones(2, 2, requires_grad=True)
y = x + 2
z = y * y * 3
out = z.mean()
out.backward()

print(out)
print(x.grad)
