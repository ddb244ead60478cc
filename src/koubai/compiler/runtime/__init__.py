"""Where compiled steps live and run: loading, the cache on disk, memory, threads.

Read machine_code.py and target.py first, then objects.py, helpers.py and cache.py, then arena.py, and last the threads:
control.py, barrier.py, patience.py, serving.py and pool.py, each of which uses those before it.
"""

from koubai.compiler.runtime.arena import Arena as Arena
from koubai.compiler.runtime.objects import Library as Library
from koubai.compiler.runtime.objects import build as build
from koubai.compiler.runtime.objects import compile_object as compile_object
from koubai.compiler.runtime.pool import Pool as Pool
from koubai.compiler.runtime.pool import get_num_threads as get_num_threads
from koubai.compiler.runtime.pool import set_num_threads as set_num_threads
from koubai.compiler.runtime.target import Target as Target
from koubai.compiler.runtime.target import available as available
