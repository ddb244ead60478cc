"""`python -m koubai` is the command `koubai`."""

from koubai.cli import main

main()
