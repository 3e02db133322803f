"""What the provisioner depends on, looked at one by one: nothing here changes anything.

A check takes its ports as arguments and tells findings; ``running`` sees to it that none stops or
delays the others.
"""
