"""Functions that need more for a call than a place in this process's pool: their environments run on Ray.

    asked.py   CLOUDCORE_RAY, a variable of the function: what a call needs
    hosts.py   RayPool, with the calls of Pool: an actor of Ray for each environment
    host.py    such an actor: a Pool of one environment, on whatever machine Ray placed it

The contract of an invocation (limits, log, what is billed) is the same, since the same Pool runs it there.
The extra `cloudcore[ray]` is Ray; its machines need cloudcore of the same version.
"""
