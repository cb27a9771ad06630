from tiny_entry import folder as folder
from tiny_entry import written as written
