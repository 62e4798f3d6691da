"""The packages that jobs share: one interpreter imports them, and forks for each job."""

# What takes longest to import of what jobs need.
PACKAGES = ("torch", "pandas", "pyarrow.parquet", "scipy.signal", "matplotlib.figure", "yaml")
