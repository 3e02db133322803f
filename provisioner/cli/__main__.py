"""`python -m provisioner.cli`, as the console script."""

from provisioner.cli.main import main

if __name__ == "__main__":
    main()
