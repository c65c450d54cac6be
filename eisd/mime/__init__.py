"""Bytes to facts, pure: addresses, header facts, text, and the whole parsed message.

    addresses, domains   keys that contacts are compared by
    headers              one header block to `eisd.model.mail.Headers`
    parse                one message to `eisd.model.mail.Parsed`
    worker               `ParserPool`: the same parse, in a process that can be killed

Everything but `worker` is a total function of its arguments: no clock, no network, no file. What
is read here was written by strangers, so every loop is linear in its input and every list has an
end (`eisd.mime.limits`).
"""
