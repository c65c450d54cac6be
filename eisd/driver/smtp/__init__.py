"""The shared way out: what every driver whose mail goes by SMTP builds on.

`sender` is the door (`eisd.driver.interface.Sender`), `login` decides who signs in where, `probe`
goes the way step by step; `filing` keeps the copies in Sent and Drafts, over IMAP.
"""
