"""What a step consists of and where its time goes, for `koubai.compiler.explain`."""
