"""What docs/django.md shows is what the site does."""
import re
from pathlib import Path
from unittest import TestCase

SITE = Path(__file__).parent.parent.parent
PAGE = SITE.parent.parent / "docs" / "django.md"


class DocumentationTests(TestCase):
    def test_snippets_are_the_sites(self):
        files = [*SITE.glob("*.sql"), *SITE.glob("gannet/*.py"), *SITE.glob("gannet/m*/**/*.py")]
        sources = [file.read_text() for file in files]
        snippets = re.findall(r"^```\w+\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
        self.assertGreater(len(snippets), 8)
        for snippet in snippets:
            self.assertTrue(any(snippet in source for source in sources), snippet)
