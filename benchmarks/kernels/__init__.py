"""Speed of the compiled filters beside other libraries."""
