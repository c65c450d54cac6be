"""`eisd doctor`: the machine, the configuration and the network, looked at from outside."""
