"""``python -m tests.trainer.sources.corpus`` prints the tables of docs/data.md."""

from tests.trainer.sources.corpus.files import FILES
from tests.trainer.sources.corpus.rows import table
from tests.trainer.sources.corpus.servers import SERVERS

print(table(FILES))
print(table(SERVERS))
