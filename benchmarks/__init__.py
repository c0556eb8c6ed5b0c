"""What cutover.smc costs, beside what else could do the same; `make bench` runs it (see README.md)."""

import sys

from lab.places import COLLECTION_TREE

# Nothing but Ansible itself finds collections by their path.
if str(COLLECTION_TREE) not in sys.path:
    sys.path.append(str(COLLECTION_TREE))
