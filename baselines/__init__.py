"""Models that enter as everybody's do.

Threads of OpenMP that wait for each other sleep instead of spinning. It has to be said before
torch is first imported; on a machine that does other work too, spinning made a training step of
0.6 s take 6 to 14 s.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
