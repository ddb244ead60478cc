"""Where compiled steps live and run: loading, the cache on disk, memory, threads.

Read target.py first, then objects.py and cache.py, then arena.py, and last the threads: control.py, barrier.py,
patience.py, serving.py and pool.py, each of which uses those before it.
"""

from koubai.compiler.runtime.arena import Arena
from koubai.compiler.runtime.objects import Library, build, compile_object, load_object
from koubai.compiler.runtime.pool import Pool, get_num_threads, set_num_threads
from koubai.compiler.runtime.target import Target, available
